"""What people read when the sidecar itself answers: one template per kind of page, in ``html/``."""
