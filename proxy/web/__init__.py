"""The control plane: everything a person or a content's code talks to that is ours. Start reading at ``routes.py``."""
