"""The exercises of the applications, one file for each notebook."""
