"""Images of chips of crossbars: their words, their file, what writes them, reads them and runs them."""
