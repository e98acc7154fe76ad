"""Files of strangers that were made to harm, and the harness that tries them on the readers.

`python -m tests.attacks` tries all of them and prints what held; the short form is part of the
tests.
"""
