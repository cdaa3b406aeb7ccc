"""Reports as data and as pages."""
