"""Mixpanel's wire format: routes, what a request holds, and the answer each SDK expects."""
