"""An image in other forms: text that is assembled again, and files for memories that others load."""
