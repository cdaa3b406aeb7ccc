"""The compiled loops of the machine: events, and faster ways with the same result."""
