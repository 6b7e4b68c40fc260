import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { SignInForm } from "@/components/SignInForm";
import { SignedOutLayout } from "@/layouts/SignedOutLayout";

/** A path of this page, or its start: an address from outside is not followed. */
function safe(next: string | undefined): string {
  return next?.startsWith("/") && !next.startsWith("//") ? next : "/";
}

export function SignInPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const { next } = useSearch({ from: "/sign-in" });
  return (
    <SignedOutLayout title={t("shell.sign_in.title")} lead={t("shell.sign_in.lead")}>
      <SignInForm
        onDone={() => {
          client.clear();
          void navigate({ to: safe(next) });
        }}
      />
    </SignedOutLayout>
  );
}
