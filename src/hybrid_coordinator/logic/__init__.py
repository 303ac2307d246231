"""Pure decisions: no clock, no randomness, no environment, no logging, nothing awaited."""
