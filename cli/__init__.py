"""The command line: click commands and rich rendering. Computes nothing: the packages below do."""
