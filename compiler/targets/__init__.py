"""Target chips as TOML files."""
