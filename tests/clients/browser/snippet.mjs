// What a customer pastes into a page, pointed at the gateway: calls are kept in an array until the
// script from the CDN takes over, then made for real. Runs in the page; settles when it is ready.

export function snippet({ cdn, writeKey, options }) {
  const analytics = (window.analytics = []);
  const methods = "track page screen identify group alias ready on once reset setAnonymousId addSourceMiddleware";
  for (const method of methods.split(" ")) {
    analytics[method] = (...given) => {
      // Calls before the script is there join the queue; later ones go to what replaced it.
      if (window.analytics.initialized) return window.analytics[method](...given);
      analytics.push([method, ...given]);
      return analytics;
    };
  }
  analytics.SNIPPET_VERSION = "5.2.0";
  analytics._writeKey = writeKey;
  analytics._cdn = cdn;
  analytics._loadOptions = options;
  analytics.page({}, { messageId: `${writeKey}-before-the-script` });

  const script = document.createElement("script");
  script.async = true;
  script.src = `${cdn}/analytics.js/v1/${writeKey}/analytics.min.js`;
  return new Promise((resolve, reject) => {
    script.onerror = () => reject(new Error("the gateway does not serve analytics.min.js"));
    analytics.ready(() => resolve());
    document.head.append(script);
  });
}
