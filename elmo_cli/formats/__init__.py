"""Other people's files: the published model layout, and HDF5 features."""
