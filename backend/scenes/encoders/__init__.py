"""How the built-in image encoders under data/demo/ were made.

``python -m backend.scenes.encoders ssl`` (or ``classes``, ``untrained``) makes one of them again;
``python -m benchmarks encoders`` states what each is worth. Nothing here runs in the app: there the finished
folders are loaded by the very code that loads any other encoder.
"""
