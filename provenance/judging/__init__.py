"""From evidence to verdict: values and pure functions. No clock, no disk, no network."""
