"""The command line: click commands and rich rendering. Computes nothing: the rooms below answer."""
