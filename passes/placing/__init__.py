"""The places of the cores on the mesh, and relays where axons do not reach."""
