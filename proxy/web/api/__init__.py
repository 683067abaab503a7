"""What content's code talks to, on a listener of its own, in the words of Posit Connect's API."""
