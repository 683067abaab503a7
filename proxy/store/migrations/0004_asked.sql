-- What a viewer was asked for and has not consented to: an optional integration is asked for once.

CREATE TABLE asked (
    viewer_guid TEXT NOT NULL REFERENCES viewer (guid),
    content_guid TEXT NOT NULL,
    integration_guid TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (viewer_guid, content_guid, integration_guid)
);
