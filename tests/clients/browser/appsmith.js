// The telemetry of a self-hosted Appsmith's pages: neither CDN nor API host is set, batches are of a
// hundred events or of a second, and usage pulses go to the page's own server.
export function appsmith(AnalyticsBrowser) {
  let analytics;
  window.start = async ({ writeKey }) => {
    const deliveryStrategy = { strategy: "batching", config: { size: 100, timeout: 1000 } };
    analytics = AnalyticsBrowser.load({ writeKey }, { integrations: { "Segment.io": { deliveryStrategy } } });
    await analytics.ready();
  };
  window.send = (events) =>
    Promise.all(
      events.map(async ({ label, type, event, properties, userId, traits }) => {
        const sent = await (type === "identify" ? analytics.identify(userId, traits) : analytics.track(event, properties));
        return [label, sent.event.messageId];
      }),
    ).then(Object.fromEntries);
  window.pulse = async (body) => {
    const headers = { "Content-Type": "application/json", "X-Requested-By": "Appsmith" };
    const answer = await fetch("/api/v1/usage-pulse", {
      method: "POST",
      body: JSON.stringify(body),
      headers,
      credentials: "same-origin",
      keepalive: true,
    });
    return { status: answer.status, body: await answer.json() };
  };
}
