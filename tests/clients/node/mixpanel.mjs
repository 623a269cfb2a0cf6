// Drives npm `mixpanel`. Events of a bulk go by track_batch and import_batch, all else call by call.
import { readFileSync } from "node:fs";
import Mixpanel from "mixpanel";
import { told } from "./told.mjs";

const { host, writeKey, script } = JSON.parse(process.argv[2]);
const { protocol, hostname, port } = new URL(host);
const mixpanel = Mixpanel.init(writeKey, { protocol: protocol.slice(0, -1), host: hostname, port, key: "an-api-key" });

const METHODS = {
  $set: "set",
  $set_once: "set_once",
  $add: "increment",
  $append: "append",
  $union: "union",
  $remove: "remove",
  $unset: "unset",
  $delete: "delete_user",
};

function call({ do: what, who, event, time, properties, events, operation, value, group, former }, done) {
  const method = METHODS[operation];
  const given = operation === "$delete" ? [] : [value];
  switch (what) {
    case "track":
      return mixpanel.track(event, { distinct_id: who, ...properties }, done);
    case "import":
      return mixpanel.import(event, time, { distinct_id: who, ...properties }, done);
    case "track bulk":
      return mixpanel.track_batch(own(events), done);
    case "import bulk":
      return mixpanel.import_batch(own(events), done);
    case "alias":
      return mixpanel.alias(former, who, done);
    case "people":
      return mixpanel.people[method](who, ...given, done);
    case "charge":
      return mixpanel.people.track_charge(who, value, done);
    case "groups":
      return mixpanel.groups[method.replace("_user", "_group")](...group, ...given, done);
  }
}

function own(events) {
  return events.map(({ who, event, time, properties }) => ({
    event,
    properties: { distinct_id: who, ...(time && { time }), ...properties },
  }));
}

for (const step of JSON.parse(readFileSync(script, "utf8"))) {
  await new Promise((resolve) =>
    call(step, (errors) => {
      told(step.label, step.label, [errors].flat().find(Boolean));
      resolve();
    }),
  );
}
