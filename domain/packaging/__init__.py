"""What has to be done before a folder is a package that runs in Lambda."""
