"""Pictures: PNG, JPEG and TIFF read and shown, and where a picture lies in the sealed image."""
