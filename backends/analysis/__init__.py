"""What can be read off an image: its claims, regions, listing, bill and traffic."""
