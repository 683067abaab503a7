-- What a provider wants to be asked with next time (a claims challenge, JSON); taken when it is sent.
ALTER TABLE credentials ADD COLUMN claims TEXT;
