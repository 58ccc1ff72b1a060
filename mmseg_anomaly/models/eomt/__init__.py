"""The parts that the two halves of an EoMT share."""
