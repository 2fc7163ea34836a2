"""The embedded AWS: the same CDK application, deployed to an emulator on this machine."""
