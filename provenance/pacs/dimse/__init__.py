"""DICOM associations: PDUs, the door that takes in, the forwarders that bring to archives."""
