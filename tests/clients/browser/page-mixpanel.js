import mixpanel from "mixpanel-browser";

let queues;

window.start = ({ token, config }) => {
  queues = ["ev", "pp", "gr"].map((kind) => `__mpq_${token}_${kind}`);
  return new Promise((resolve) => mixpanel.init(token, { ...config, loaded: () => resolve(null) }));
};

// [["track", event, properties], ["people.set", …], ["group.set", [key, id], …]] → what the SDK has
// put on its way for each call, in its own words. ["queued", n] settles when n records wait.
window.send = (calls) => Promise.all(calls.map(call));

function call([what, ...given]) {
  if (what === "queued") return queued(...given);
  const [method, of] = what.split(".").reverse();
  const thing = of === "group" ? mixpanel.get_group(...given.shift()) : of ? mixpanel[of] : mixpanel;
  return thing[method](...given) || null;
}

async function queued(count) {
  const length = (queue) => JSON.parse(localStorage.getItem(queue) ?? "[]").length;
  while (queues.map(length).reduce((sum, each) => sum + each) < count) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return null;
}
