// Standard output is the report: one JSON line for every event whose fate the SDK told.

export function told(label, messageId, error) {
  const why = error && String(error.message ?? error);
  const line = error ? { failed: label, messageId, why } : { acked: label, messageId };
  process.stdout.write(JSON.stringify(line) + "\n");
}

// Numbered track events, one every few milliseconds, until standard input closes.
export async function* streamed(run) {
  let open = true;
  process.stdin.on("end", () => (open = false)).resume();
  for (let n = 0; open; n += 1) {
    yield { label: `${run}-${n}`, type: "track", event: "Streamed", userId: "user-7", properties: { n } };
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
