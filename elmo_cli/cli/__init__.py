"""What you type: the app, its options, its console; one small file per command."""
