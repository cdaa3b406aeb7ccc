"""Commands on data and on many images: a model quantised on frames, images compiled to be compared."""
