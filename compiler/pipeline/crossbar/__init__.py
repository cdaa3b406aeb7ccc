"""The pipeline of chips of crossbars."""
