"""What neurons do when they fire, as functions of their states, and the rule by which they learn."""
