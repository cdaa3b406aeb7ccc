"""The memory bill beside that of other forms of connectivity, and the paper's tables again."""
