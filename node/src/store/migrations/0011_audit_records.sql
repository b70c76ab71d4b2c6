CREATE TABLE "audit_records" (
	"number" bigint PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"outcome" text NOT NULL,
	"code" text,
	"at_ms" bigint NOT NULL,
	"member" text,
	"subject" text,
	"client" text,
	"scopes" text,
	"key_thumbprint" text,
	"operation" text,
	"document" text,
	"field" text NOT NULL,
	"target" text,
	"client_id" text,
	"request_id" text,
	"count" bigint NOT NULL,
	"previous" text NOT NULL,
	"hash" text NOT NULL
);
--> statement-breakpoint
CREATE INDEX "audit_records_member_number_index" ON "audit_records" USING btree ("member","number");--> statement-breakpoint
CREATE INDEX "audit_records_target_number_index" ON "audit_records" USING btree ("target","number");--> statement-breakpoint
CREATE INDEX "audit_records_at_ms_index" ON "audit_records" USING btree ("at_ms");
--> statement-breakpoint
CREATE FUNCTION refuse_audit_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.at_ms > (extract(epoch from now()) * 1000)::bigint - 94694400000 THEN
		RAISE EXCEPTION 'audit records are kept for three years' USING ERRCODE = 'restrict_violation';
	END IF;
	RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_records_append_only BEFORE UPDATE ON "audit_records" FOR EACH ROW EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER audit_records_kept BEFORE DELETE ON "audit_records" FOR EACH ROW EXECUTE FUNCTION refuse_audit_removal();
