"""The switch that turns telemetry off: who turned it, and the proof that it holds."""
