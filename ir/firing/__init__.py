"""What neurons do when they fire, as functions of their states."""
