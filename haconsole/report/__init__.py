"""What leaves the program for other programs and people: JSON documents, drill evidence."""
