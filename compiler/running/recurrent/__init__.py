"""Networks that go through a sequence: what is run step by step, beside what is run as a whole."""
