"""Where the cores lie on the mesh, and relays where axons do not reach."""
