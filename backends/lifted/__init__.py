"""Lifted images: fragments gathered into feature maps again, from the words alone, to be run map by map."""
