"""The only code that imports jupyterhub, dockerspawner and oauthenticator."""
