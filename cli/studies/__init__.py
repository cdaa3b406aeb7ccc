"""Commands that compile many images to compare them."""
