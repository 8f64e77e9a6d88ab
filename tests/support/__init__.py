"""What the large tests share: where to cut, how to run parts in long-lived frameworks, custom classes, tables."""
