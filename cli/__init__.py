"""The command line: click commands and rich rendering. Computes nothing: answers come from the rooms below."""
