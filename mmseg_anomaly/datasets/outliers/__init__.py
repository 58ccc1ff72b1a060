"""Sources of cut-out objects that can be pasted."""
