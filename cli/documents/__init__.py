"""The JSON documents that commands print: their names, versions and schemas."""
