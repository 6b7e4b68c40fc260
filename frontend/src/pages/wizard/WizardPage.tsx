import { Button, Grid, Group, Paper, Stepper } from "@mantine/core";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Page } from "@/components/Page";
import { Section } from "@/components/Section";
import { CompleteStep } from "./CompleteStep";
import { ConnectionStep } from "./ConnectionStep";
import { type Draft, STEPS, type Step } from "./draft";
import { FolderStep } from "./FolderStep";
import { GoStep } from "./GoStep";
import { Knowledge } from "./Knowledge";
import { ScheduleStep } from "./ScheduleStep";
import { SourceStep } from "./SourceStep";
import { StorageStep } from "./StorageStep";
import { useWizard, WizardProvider } from "./wizard";

const PAGES = {
  source: SourceStep,
  connection: ConnectionStep,
  folder: FolderStep,
  complete: CompleteStep,
  storage: StorageStep,
  schedule: ScheduleStep,
  go: GoStep,
} satisfies Record<Step, React.ComponentType<StepProps>>;

export interface StepProps {
  /** Goes on; a step calls it when what it holds is whole. */
  onNext: () => void;
  onBack: (() => void) | undefined;
}

export type { Draft };

/** Sets up an instrument in seven steps; the address holds the step, the browser the draft. */
export function WizardPage() {
  const { t } = useTranslation();
  const { step: asked } = useSearch({ from: "/app/instruments/new" });
  const navigate = useNavigate({ from: "/instruments/new" });
  const at = Math.max(0, STEPS.indexOf(asked as Step));
  const step = STEPS[at] ?? "source";
  const go = (index: number) => void navigate({ search: { step: STEPS[index] ?? "source" } });
  return (
    <WizardProvider>
      <Page
        title={t("wizard.title")}
        lead={t("wizard.lead")}
        parent={{ to: "/instruments", label: t("instruments.title") }}
      >
        <Paper p="md">
          <Stepper
            active={at}
            onStepClick={go}
            allowNextStepsSelect={false}
            size="xs"
            wrap
            aria-label={t("wizard.steps")}
          >
            {STEPS.map((name) => (
              <Stepper.Step key={name} label={t(`wizard.step.${name}`)} />
            ))}
          </Stepper>
        </Paper>
        <Grid gap="lg">
          <Grid.Col span={{ base: 12, lg: 7 }}>
            <Section title={t(`wizard.step.${step}`)}>
              <CurrentStep
                step={step}
                onNext={() => go(at + 1)}
                onBack={at === 0 ? undefined : () => go(at - 1)}
              />
            </Section>
          </Grid.Col>
          <Grid.Col span={{ base: 12, lg: 5 }}>
            <Knowledge onDiscard={() => go(0)} />
          </Grid.Col>
        </Grid>
      </Page>
    </WizardProvider>
  );
}

function CurrentStep({ step, ...props }: StepProps & { step: Step }) {
  const { generation } = useWizard();
  const Current = PAGES[step];
  // The last step throws the draft away itself when all of it is saved, and goes on.
  return <Current key={step === "go" ? step : `${step} ${generation}`} {...props} />;
}

interface StepButtonsProps {
  onBack: (() => void) | undefined;
  /** Without it the button submits the form around it. */
  onNext?: () => void;
  isPending?: boolean;
  disabled?: boolean;
}

/** Back and Next at the foot of each step. */
export function StepButtons({ onBack, onNext, isPending, disabled }: StepButtonsProps) {
  const { t } = useTranslation();
  return (
    <Group justify="space-between">
      <Button variant="default" onClick={onBack} disabled={onBack === undefined}>
        {t("wizard.back")}
      </Button>
      <Button
        type={onNext ? "button" : "submit"}
        onClick={onNext}
        loading={isPending ?? false}
        disabled={disabled ?? false}
      >
        {t("wizard.next")}
      </Button>
    </Group>
  );
}
