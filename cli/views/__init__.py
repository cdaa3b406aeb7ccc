"""Reports as the terminal shows them."""
