"""From layers to populations and projections, and which layers stay on the host."""
