"""Reading HDF5 files without the HDF5 library, which crashes or hangs on damaged ones.

Everything that is read is checked against the size of the file first, every list is bounded, and
nothing outside the file is followed. The names of classes and messages are those of the "HDF5 File
Format Specification". Values are decoded outside of any lock.
"""
