"""Networks that loop over a sequence: one step of theirs, and what it carries from step to step."""
