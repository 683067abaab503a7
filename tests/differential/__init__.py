"""Generated messages before the gateway, aiohttp's parser and nginx: nobody reads them differently than we do."""
